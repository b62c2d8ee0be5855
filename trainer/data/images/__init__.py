"""Images with their classes: checked, without duplicates, resized once, packed as bytes that training maps into memory."""
