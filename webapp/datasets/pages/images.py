"""How images look on the data pages."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from trainer.data.images.recipe import CheckStep, DuplicatesStep, ImageRecipe, ResizeStep
from webapp.datasets.pages import DataPages, Preset

PAGES = DataPages(
    kind="images",
    title=_("Images"),
    summary=_("A zip of pictures with a folder for each class, or with a table of paths and labels"),
    unit=_("images"),
    formats=_("zip of pictures in folders by class; or JPEG, PNG, WebP, GIF, BMP, TIFF and a table of path and label"),
    titles={
        "read": _("Read"),
        "check": _("Check"),
        "duplicates": _("Duplicates"),
        "resize": _("Resize"),
        "split": _("Split"),
    },
    labels={
        "read.max_broken_images": _("Broken pictures allowed"),
        "read.max_pixels": _("Largest picture, pixels"),
        "check.min_side": _("Shortest side, pixels"),
        "check.max_aspect": _("Longest side over shortest, at most"),
        "check.drop_blank": _("Drop pictures of one colour"),
        "duplicates.exact": _("Remove the same"),
        "duplicates.near": _("Remove nearly the same"),
        "duplicates.max_bits": _("Bits of the hash that may differ"),
        "duplicates.max_difference": _("Grey levels that may differ"),
        "resize.side": _("Side, pixels"),
        "resize.method": _("How it fits"),
        "resize.channels": _("Colours"),
        "split.keep_given": _("Keep folders train, val, test"),
        "split.validation_fraction": _("Validation"),
        "split.test_fraction": _("Test"),
    },
    choices={
        "crop": _("Crop: fill the square"),
        "pad": _("Pad: fit into the square"),
        "stretch": _("Stretch"),
        "rgb": _("Colours"),
        "grey": _("Grey levels"),
    },
    advanced={"read": {"max_pixels"}, "duplicates": {"max_bits", "max_difference"}, "split": {"seed"}},
    presets=[
        Preset(
            name="photos",
            title=_("Photographs"),
            summary=_("64 pixels a side, in colour: learns in minutes on a processor"),
            recipe=ImageRecipe(),
        ),
        Preset(
            name="detailed",
            title=_("Photographs, full size"),
            summary=_("224 pixels, as published models expect; best with a graphics processor"),
            recipe=ImageRecipe(resize=ResizeStep(side=224)),
        ),
        Preset(
            name="glyphs",
            title=_("Digits, letters, icons"),
            summary=_("32 pixels, grey, nothing cut off; alike pictures stay"),
            recipe=ImageRecipe(
                check=CheckStep(min_side=4),
                duplicates=DuplicatesStep(near=False),
                resize=ResizeStep(side=32, method="pad", channels="grey"),
            ),
        ),
    ],
    report_template="datasets/report_images.html",
    step_words={
        "read": (_("Read"), _("Pictures found and decoded")),
        "check": (_("Check"), _("Dropped what a model should not learn from")),
        "exact": (_("The same"), _("Removed pictures whose pixels are the same")),
        "near": (_("Nearly the same"), _("Removed pictures that are nearly the same")),
        "resize": (_("Resize"), _("Brought to one size and packed")),
    },
)
