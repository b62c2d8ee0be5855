"""Finds things in pictures: an anchor-free detector on a ResNet."""
