"""Training, evaluation and generation with PyTorch. Knows no Django and no economics; works alone on a laptop.

The front door (`spec`, `events`, `families`, `data`) imports without torch: the web app uses it to make specs and to read
what a job said. Everything else runs in a process of its own, started as `python -m trainer run <job folder>`.
"""
