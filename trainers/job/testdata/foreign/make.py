"""Weights as timm and torchvision keep them, and the codes that their models make.

    python3 make.py [FOLDER] [--large]

Made with PyTorch 1.13.0, timm 0.6.13, torchvision 0.15.1, safetensors 0.8.0. Every
file NAME.safetensors is written by safetensors.torch.save_file from a state_dict;
NAME.codes.safetensors holds pictures in bytes and the codes of them in evaluation mode.
--large writes whole ResNet-18, -34, -50 and ViT-Tiny instead.
"""
import sys

import torch
from safetensors.torch import save_file
from timm.models.vision_transformer import VisionTransformer as TimmViT
from torch import nn
from torchvision.models import VisionTransformer as VisionViT
from torchvision.models import resnet18, resnet34, resnet50
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet
from torchvision.ops import MLP

args = [a for a in sys.argv[1:] if a != "--large"]
folder, large = args[0] if args else ".", "--large" in sys.argv
torch.manual_seed(0)


class SmallResNet(ResNet):
    """torchvision's, of two stages of few channels: its own are 20 MB at least."""

    def __init__(self, block, code):
        nn.Module.__init__(self)
        self._norm_layer, self.inplanes, self.dilation, self.groups, self.base_width = nn.BatchNorm2d, 6, 1, 1, 64
        self.conv1 = nn.Conv2d(3, 6, 7, 2, 3, bias=False)
        self.bn1, self.relu, self.maxpool = nn.BatchNorm2d(6), nn.ReLU(True), nn.MaxPool2d(3, 2, 1)
        self.layer1, self.layer2 = self._make_layer(block, 6, 2), self._make_layer(block, 12, 1, stride=2)
        self.layer3 = self.layer4 = nn.Identity()
        self.avgpool, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(code, 4)


class Codes(nn.Module):
    """A model without its classifier."""

    def __init__(self, model, head):
        super().__init__()
        self.model, self.head = model, head

    def forward(self, x):
        kept, at = [], self.model
        *path, last = self.head.split(".")
        for name in path:
            at = getattr(at, name)
        getattr(at, last).register_forward_pre_hook(lambda _, given: kept.append(given[0]))
        self.model(x)
        return kept[0]


def write(name, model, shape, codes=None):
    model.eval()
    with torch.no_grad():
        for p in model.parameters():
            p += 0.05 * torch.randn_like(p)
        for n, b in model.named_buffers():
            if n.endswith("running_mean"):
                b += 0.1 * torch.randn_like(b)
            elif n.endswith("running_var"):
                b *= 1 + torch.rand_like(b)
        pixels = torch.randint(0, 256, (4, *shape), dtype=torch.uint8)
        x = pixels.float() / 255
        save_file(model.state_dict(), f"{folder}/{name}.safetensors")
        save_file({"pixels": pixels, "codes": (codes or model)(x).contiguous()}, f"{folder}/{name}.codes.safetensors")


if large:
    for make in (resnet18, resnet34, resnet50):
        m = make()
        write(make.__name__, m, (3, 64, 64), Codes(m, "fc"))
    m = TimmViT(img_size=64, patch_size=16, embed_dim=192, depth=12, num_heads=3)
    write("vit-tiny", m, (3, 64, 64), Codes(m, "head"))
    sys.exit()
m = TimmViT(img_size=16, patch_size=4, embed_dim=32, depth=2, num_heads=2, mlp_ratio=2, num_classes=3)
write("vit-timm", m, (3, 16, 16), Codes(m, "head"))
m = VisionViT(image_size=16, patch_size=4, num_layers=2, num_heads=2, hidden_dim=32, mlp_dim=48, num_classes=3)
write("vit-torchvision", m, (3, 16, 16), Codes(m, "heads.head"))
m = SmallResNet(BasicBlock, 12)
assert [n for n in resnet18().state_dict() if not n.startswith(("layer2.1", "layer3", "layer4"))] == list(m.state_dict())
write("resnet-torchvision", m, (3, 24, 24), Codes(m, "fc"))
flat = nn.Flatten()
m = nn.Sequential(nn.Linear(12, 10), nn.ReLU(), nn.Linear(10, 8), nn.ReLU(), nn.Linear(8, 5))
write("mlp-torch", m, (3, 2, 2), nn.Sequential(flat, m))
m = MLP(12, [10, 8, 5], norm_layer=nn.LayerNorm)
write("mlp-torchvision", m, (3, 2, 2), nn.Sequential(flat, m))
m = SmallResNet(Bottleneck, 48)
left_out = ("layer1.2", "layer2.1", "layer2.2", "layer2.3", "layer3", "layer4")
assert [n for n in resnet50().state_dict() if not n.startswith(left_out)] == list(m.state_dict())
write("resnet-bottleneck", m, (3, 24, 24), Codes(m, "fc"))
