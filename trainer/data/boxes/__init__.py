"""Pictures with boxes around things: read from COCO JSON or YOLO text files, prepared as images are."""
