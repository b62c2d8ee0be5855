"""Convolutional networks as a list of layers with their sizes: ResNet, VGG, AlexNet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from economics.architecture.base import Parameters


@dataclass(frozen=True, kw_only=True, slots=True)
class Convolution:
    """One convolution or dense layer, with the size of what it writes."""

    name: str
    inputs: int
    outputs: int
    kernel: int = 1
    height: int = 1
    """Rows (and columns) of the output."""
    bias: bool = False
    normed: bool = True
    """A norm follows: two parameters per output channel (and two buffers of a batch norm, not counted)."""
    shared: bool = False
    """Its weights are those of a layer counted before: it computes, and adds no parameters."""

    @property
    def weights(self) -> int:
        """Parameters of the kernel."""
        return self.inputs * self.outputs * self.kernel**2

    @property
    def parameters(self) -> int:
        """Parameters with bias and norm; none where they are another layer's."""
        if self.shared:
            return 0
        return self.weights + (self.outputs if self.bias else 0) + (2 * self.outputs if self.normed else 0)

    @property
    def flop(self) -> float:
        """FLOP of one image: 2 Ho Wo Co Ci k² (many tables print half of it, multiply-accumulates)."""
        return 2.0 * self.weights * self.height**2


@dataclass(frozen=True, kw_only=True, slots=True)
class ResNet:
    """A residual network with batch norms (He et al. 2015, arXiv 1512.03385).

    >>> ResNet(depths=(3, 4, 6, 3)).parameters().total
    25557032
    """

    depths: tuple[int, ...]
    """Blocks of each of the four stages."""
    block: Literal["bottleneck", "basic"] = "bottleneck"
    stem_width: int = 64
    small_stem: bool = False
    """The picture is first seen at full detail: a 3 x 3 convolution without stride or pooling, as for small pictures."""
    widths: tuple[int, ...] = (64, 128, 256, 512)
    """Width of the blocks of each stage; a bottleneck puts out four times as many channels."""
    inner_widths: tuple[int, ...] = ()
    """Channels inside the blocks of each stage; empty: the width. Fewer are left by pruning."""
    image_size: int = 224
    num_channels: int = 3
    num_classes: int = 1000
    name: str = ""

    @property
    def kind(self) -> str:
        """Always convolutional."""
        return "convolutional"

    def layers(self) -> tuple[Convolution, ...]:
        """List every layer with its sizes."""
        size = self.image_size if self.small_stem else -(-self.image_size // 2)
        kernel = 3 if self.small_stem else 7
        out = [Convolution(name="stem", inputs=self.num_channels, outputs=self.stem_width, kernel=kernel, height=size)]
        size = size if self.small_stem else -(-size // 2)
        channels = self.stem_width
        expansion = 4 if self.block == "bottleneck" else 1
        sizes = zip(self.depths, self.widths, self.inner_widths or self.widths, strict=True)
        for stage, (depth, width, inner) in enumerate(sizes):
            for index in range(depth):
                stride = 2 if index == 0 and stage > 0 else 1
                before, size = size, -(-size // stride)
                label = f"stage{stage + 1}.{index}"
                out += self._block(label, channels, width, inner, before, size)
                if index == 0 and (stride == 2 or channels != width * expansion):
                    out.append(
                        Convolution(name=f"{label}.shortcut", inputs=channels, outputs=width * expansion, height=size)
                    )
                channels = width * expansion
        out.append(Convolution(name="classes", inputs=channels, outputs=self.num_classes, bias=True, normed=False))
        return tuple(layer for layer in out if layer.outputs)

    def _block(self, label: str, channels: int, width: int, inner: int, before: int, size: int) -> list[Convolution]:
        if self.block == "basic":
            return [
                Convolution(name=f"{label}.1", inputs=channels, outputs=inner, kernel=3, height=size),
                Convolution(name=f"{label}.2", inputs=inner, outputs=width, kernel=3, height=size),
            ]
        return [
            Convolution(name=f"{label}.1", inputs=channels, outputs=inner, height=before),
            Convolution(name=f"{label}.2", inputs=inner, outputs=inner, kernel=3, height=size),
            Convolution(name=f"{label}.3", inputs=inner, outputs=4 * width, height=size),
        ]

    def parameters(self) -> Parameters:
        """Count the parameters by part."""
        return count_layers(self.layers())


@dataclass(frozen=True, kw_only=True, slots=True)
class VGG:
    """Stacked 3x3 convolutions and three dense layers (Simonyan & Zisserman 2014, arXiv 1409.1556).

    >>> VGG(stages=((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))).parameters().total
    138357544
    """

    stages: tuple[tuple[int, ...], ...]
    """Output channels of the convolutions between two poolings."""
    batch_norm: bool = False
    hidden: int = 4096
    """Width of the two hidden dense layers; 0: none, the mean of all places goes to the classes."""
    image_size: int = 224
    num_channels: int = 3
    num_classes: int = 1000
    name: str = ""

    @property
    def kind(self) -> str:
        """Always convolutional."""
        return "convolutional"

    def layers(self) -> tuple[Convolution, ...]:
        """List every layer with its sizes."""
        out: list[Convolution] = []
        channels, size = self.num_channels, self.image_size
        for number, stage in enumerate(self.stages):
            for index, width in enumerate(stage):
                out.append(
                    Convolution(
                        name=f"stage{number + 1}.{index}",
                        inputs=channels,
                        outputs=width,
                        kernel=3,
                        height=size,
                        bias=True,
                        normed=self.batch_norm,
                    )
                )
                channels = width
            size = max(1, size // 2) if self.hidden else -(-size // 2)
        dense = [
            ("dense1", channels * 49, self.hidden),
            ("dense2", self.hidden, self.hidden),
            ("classes", self.hidden, self.num_classes),
        ]
        for name, inputs, outputs in dense if self.hidden else [("classes", channels, self.num_classes)]:
            out.append(Convolution(name=name, inputs=inputs, outputs=outputs, bias=True, normed=False))
        return tuple(out)

    def parameters(self) -> Parameters:
        """Count the parameters by part."""
        return count_layers(self.layers())


@dataclass(frozen=True, kw_only=True, slots=True)
class AlexNet:
    """Five convolutions with shrinking kernels and three dense layers, as one tower (Krizhevsky 2014, arXiv 1404.5997).

    >>> AlexNet().parameters().total
    61100840
    """

    num_channels: int = 3
    num_classes: int = 1000
    image_size: int = 224
    """The sizes of the layers' outputs are those of this size; it is not free."""
    name: str = ""

    @property
    def kind(self) -> str:
        """Always convolutional."""
        return "convolutional"

    def layers(self) -> tuple[Convolution, ...]:
        """List every layer with its sizes."""
        sizes = (  # inputs, outputs, kernel, rows of the output
            (self.num_channels, 64, 11, 55), (64, 192, 5, 27), (192, 384, 3, 13), (384, 256, 3, 13), (256, 256, 3, 13),
            (256 * 36, 4096, 1, 1), (4096, 4096, 1, 1), (4096, self.num_classes, 1, 1),
        )  # fmt: skip
        names = ("stage1", "stage2", "stage3", "stage4", "stage5", "dense1", "dense2", "classes")
        return tuple(
            Convolution(name=name, inputs=i, outputs=o, kernel=k, height=rows, bias=True, normed=False)
            for name, (i, o, k, rows) in zip(names, sizes, strict=True)
        )

    def parameters(self) -> Parameters:
        """Count the parameters by part."""
        return count_layers(self.layers())


ConvolutionalNetwork = ResNet | VGG | AlexNet


def count_layers(layers: tuple[Convolution, ...]) -> Parameters:
    """Sum the parameters of layers by the part before the first point of their names."""
    parts: dict[str, int] = {}
    for layer in layers:
        part = layer.name.split(".")[0]
        parts[part] = parts.get(part, 0) + layer.parameters
    matmul = sum(layer.weights for layer in layers if not layer.shared)
    return Parameters(by_part=parts, active_by_part=dict(parts), matmul=matmul, active_matmul=matmul)
