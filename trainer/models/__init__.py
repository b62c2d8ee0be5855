"""One folder a family: spec.py (front door), task.py and what it needs. Found by `trainer.families`."""
