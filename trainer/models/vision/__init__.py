"""Image classifiers: ResNet, VGG and ViT, with names of weights as torchvision has them."""
