package readers

import (
	"encoding/binary"
)

// orientation is how a JPEG says its picture is to be turned, 1 (as it stands) to 8, by
// the tag of Exif (CIPA DC-008, 4.6.4 A). Cameras and phones store what the sensor saw
// and leave the turning to whoever shows it.
func orientation(jpeg []byte) int {
	if len(jpeg) < 4 || jpeg[0] != 0xff || jpeg[1] != 0xd8 {
		return 1
	}
	for b := jpeg[2:]; len(b) >= 4 && b[0] == 0xff; {
		marker, n := b[1], int(binary.BigEndian.Uint16(b[2:]))
		if marker == 0xda || n < 2 || len(b) < 2+n { // the picture itself begins, or it is damaged
			break
		}
		if part := b[4 : 2+n]; marker == 0xe1 && len(part) > 6 && string(part[:6]) == "Exif\x00\x00" {
			return tiffOrientation(part[6:])
		}
		b = b[2+n:]
	}
	return 1
}

// tiffOrientation looks for the tag in the first directory of a TIFF header.
func tiffOrientation(b []byte) int {
	const tag, short = 0x112, 3
	if len(b) < 8 {
		return 1
	}
	var order binary.ByteOrder = binary.BigEndian
	switch string(b[:4]) {
	case "II*\x00":
		order = binary.LittleEndian
	case "MM\x00*":
	default:
		return 1
	}
	at := int64(order.Uint32(b[4:]))
	if at+2 > int64(len(b)) {
		return 1
	}
	entries := b[at+2:]
	for range order.Uint16(b[at:]) {
		if len(entries) < 12 {
			break
		}
		if order.Uint16(entries) == tag && order.Uint16(entries[2:]) == short {
			if v := int(order.Uint16(entries[8:])); v >= 1 && v <= 8 {
				return v
			}
			break
		}
		entries = entries[12:]
	}
	return 1
}

// turn puts square planes, (channels, size, size), as an orientation says.
func turn(planes []byte, size, how int) {
	if how <= 1 {
		return
	}
	from := make([]byte, size*size)
	for ; len(planes) >= size*size; planes = planes[size*size:] {
		copy(from, planes)
		for y := range size {
			for x := range size {
				u, v := x, y // where the value of (x, y) is in what is stored
				if how >= 5 {
					u, v = y, x
				}
				if how == 2 || how == 3 || how == 7 || how == 8 {
					u = size - 1 - u
				}
				if how == 3 || how == 4 || how == 6 || how == 7 {
					v = size - 1 - v
				}
				planes[y*size+x] = from[v*size+u]
			}
		}
	}
}
