package serve

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"x2vec/checkpoints"
	"x2vec/trainers/report"
	"x2vec/trainers/runlog"
	"x2vec/trainers/runs"
)

// A folder knows the runs below a folder. It looks again when somebody asks, at most
// once a second, and reads only what has changed since.
type folder struct {
	dir string

	mu      sync.Mutex
	root    *os.Root // nil while the folder does not exist
	looked  time.Time
	entries []*entry // in the order of their names
	by      map[string]*entry
	gen     int64 // of the latest change
	set     int64 // of the latest change in what runs there are
	follow  map[string]*followed
}

// An entry is a run as it was when its folder was last looked at.
type entry struct {
	id    string // by which it is asked for
	path  string // below the folder
	stamp string // what it was read at
	sum   runs.Summary
	gen   int64 // when it changed
}

// A followed log is read on from where it was read to.
type followed struct {
	mu   sync.Mutex
	log  *runlog.Follower
	used time.Time
}

const (
	fresh       = 900 * time.Millisecond
	readers     = 2  // runs that are read at once, beside a training
	maxFollowed = 64 // logs
	maxRuns     = 20_000
)

func newFolder(dir string) *folder {
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	// Whoever asks "what is newer than that" of a server that has begun anew is told all.
	return &folder{dir: dir, by: map[string]*entry{}, follow: map[string]*followed{}, gen: time.Now().UnixMilli()}
}

func (f *folder) close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.root == nil {
		return nil
	}
	root := f.root
	f.root = nil
	return root.Close()
}

// open opens the folder, anew where another has taken its place. Its files are asked
// for through it, and what leads out of it is refused, whoever laid it there.
func (f *folder) open() error {
	now, err := os.Stat(f.dir)
	if err != nil {
		return err
	}
	if f.root != nil {
		if before, err := f.root.Stat("."); err == nil && os.SameFile(before, now) {
			return nil
		}
		err := f.root.Close()
		f.root = nil
		if err != nil {
			return err
		}
	}
	f.root, err = os.OpenRoot(f.dir)
	return err
}

// runs gives all runs. An entry is never changed, only replaced.
func (f *folder) runs() (list []*entry, gen, set int64, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	err = f.look()
	return f.entries, f.gen, f.set, err
}

// run gives one run as it is now.
func (f *folder) run(id string) (*entry, below, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.by[id] == nil {
		if err := f.look(); err != nil {
			return nil, below{}, err
		}
	}
	e := f.by[id]
	if e == nil || f.root == nil {
		return nil, below{}, refuse(404, "there is no run %q", id)
	}
	files := f.below(e.path)
	if stamp, certain := stampOf(files); !certain || stamp != e.stamp {
		e = f.read(e.path, stamp)
		f.put(e)
	}
	return e, files, nil
}

// put has a newer entry take the place of an older one.
func (f *folder) put(e *entry) {
	f.gen++
	e.gen = f.gen
	if old := f.by[e.id]; old != nil {
		f.entries = slices.Clone(f.entries) // somebody may be reading the old list
		f.entries[slices.Index(f.entries, old)] = e
	}
	f.by[e.id] = e
}

// look finds out what runs there are and reads those that have changed.
func (f *folder) look() error {
	if time.Since(f.looked) < fresh {
		return nil
	}
	if err := f.open(); err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if len(f.entries) > 0 {
			f.gen++
			f.set = f.gen
		}
		f.entries, f.by = nil, map[string]*entry{}
		return nil
	}
	paths, err := runs.Find(f.root.FS())
	if err != nil {
		return err
	}
	paths = paths[:min(len(paths), maxRuns)]
	old := f.by
	list := make([]*entry, len(paths))
	var wait sync.WaitGroup
	next := make(chan int)
	for range readers {
		wait.Go(func() {
			for i := range next {
				stamp, certain := stampOf(f.below(paths[i]))
				if e := old[f.id(paths[i])]; e != nil && certain && e.stamp == stamp {
					list[i] = e
					continue
				}
				list[i] = f.read(paths[i], stamp)
			}
		})
	}
	for i := range paths {
		next <- i
	}
	close(next)
	wait.Wait()
	f.by = make(map[string]*entry, len(list))
	same := len(list) == len(old)
	for _, e := range list {
		f.by[e.id] = e
		was := old[e.id]
		if was == nil {
			same = false
		}
		if was != e {
			f.gen++
			e.gen = f.gen
		}
	}
	if !same {
		f.gen++
		f.set = f.gen
	}
	f.entries = list
	f.looked = time.Now()
	return nil
}

// id is what a run is asked for by: its path, or the folder's own name where the
// folder is that of a run.
func (f *folder) id(at string) string {
	if at == "." {
		return filepath.Base(f.dir)
	}
	return at
}

// read reads where a run stands.
func (f *folder) read(at, stamp string) *entry {
	e := &entry{id: f.id(at), path: at, stamp: stamp}
	e.sum = runs.Summarize(runs.Folder{Name: e.id, Files: f.below(at)})
	return e
}

// below gives the files of the run at a path.
func (f *folder) below(at string) below { return below{f.root.FS(), at} }

// below are the files of a folder within another. Unlike what fs.Sub gives it asks
// about a file without opening it, which would wait where the file is a pipe.
type below struct {
	files fs.FS
	at    string
}

func (b below) Open(name string) (fs.File, error)     { return b.files.Open(path.Join(b.at, name)) }
func (b below) Stat(name string) (fs.FileInfo, error) { return fs.Stat(b.files, path.Join(b.at, name)) }
func (b below) ReadDir(name string) ([]fs.DirEntry, error) {
	return fs.ReadDir(b.files, path.Join(b.at, name))
}

// isLinked reports whether a part of a path is a link.
func (b below) isLinked(name string) bool {
	for at := name; at != "."; at = path.Dir(at) {
		if info, err := fs.Lstat(b.files, path.Join(b.at, at)); err != nil || info.Mode()&fs.ModeSymlink != 0 {
			return true
		}
	}
	return false
}

// stampOf is another text whenever something that a summary tells has changed. It is
// not certain where time alone tells whether a run is at work.
func stampOf(files fs.FS) (stamp string, certain bool) {
	var b strings.Builder
	certain = true
	for _, name := range []string{runs.RunFile, runs.MetricsFile, runs.TagsFile, runs.EvalsDir} {
		info, err := fs.Stat(files, name)
		if err != nil {
			b.WriteString("- ")
			continue
		}
		fmt.Fprintf(&b, "%d %d ", info.Size(), info.ModTime().UnixNano())
	}
	if h, ok := checkpoints.HolderOf(files); ok {
		alive, known := h.Alive()
		certain = known
		fmt.Fprint(&b, h.PID, alive)
	}
	return b.String(), certain
}

// pageStamp is stampOf for all that a run's page shows.
func pageStamp(files fs.FS) string {
	var b strings.Builder
	stamp, _ := stampOf(files)
	b.WriteString(stamp)
	for _, name := range []string{runs.SamplesDir, runs.TransferDir, runs.InspectDir, runs.MapFile, runs.StopFile} {
		if info, err := fs.Stat(files, name); err == nil {
			fmt.Fprintf(&b, " %s %d", name, info.ModTime().UnixNano())
		}
	}
	return b.String()
}

// history reads on in the log of a run, and gives what it has told to use before the
// next call for that run.
func (f *folder) history(e *entry, files fs.FS, use func(h *runlog.History) error) error {
	f.mu.Lock()
	log := f.follow[e.id]
	if log == nil {
		for len(f.follow) >= maxFollowed {
			f.forget()
		}
		log = &followed{log: runlog.NewFollower(report.Buckets)}
		f.follow[e.id] = log
	}
	log.used = time.Now()
	f.mu.Unlock()
	log.mu.Lock()
	defer log.mu.Unlock()
	file, info, err := runs.OpenFile(files, runs.MetricsFile)
	if errors.Is(err, fs.ErrNotExist) {
		return use(nil)
	}
	if err != nil {
		return err
	}
	defer file.Close()
	at, ok := file.(io.ReaderAt)
	if !ok {
		return use(nil)
	}
	if _, err := log.log.Read(at, info.Size()); err != nil {
		return err
	}
	return use(log.log.History())
}

// forget drops the log that nobody has asked for longest.
func (f *folder) forget() {
	oldest := ""
	for id, log := range f.follow {
		if oldest == "" || log.used.Before(f.follow[oldest].used) {
			oldest = id
		}
	}
	delete(f.follow, oldest)
}

// askToStop asks a run to stop after its step.
func (f *folder) askToStop(e *entry) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.root == nil {
		return fs.ErrNotExist
	}
	return runs.AskToStopIn(f.root, e.path)
}

// ownFiles says why files of a run cannot be read by their path: one of them is a link,
// which could lead anywhere.
func (f *folder) ownFiles(e *entry, names ...string) error {
	f.mu.Lock()
	root := f.root
	f.mu.Unlock()
	if root == nil {
		return fs.ErrNotExist
	}
	for _, name := range names {
		at := path.Join(e.path, name)
		info, err := root.Lstat(at)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		err = fs.WalkDir(root.FS(), at, func(at string, d fs.DirEntry, err error) error {
			if info.Mode()&fs.ModeSymlink != 0 || d != nil && !d.IsDir() && !d.Type().IsRegular() {
				return refuse(403, "%s is not a file of its own", at)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
