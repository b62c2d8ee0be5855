"""One run on several devices: processes that share each step.

plan.py     how many processes, and why
launch.py   starts them, watches them, and goes on without one that is lost
place.py    where one of them stands: rank, size, and the journal that only the first one writes
group.py    what the training loop asks of the others; alone, it is a group of one that does nothing
ranks.py    the same for several: DDP or FSDP2 over gloo or NCCL
shards.py   checkpoints of which each process writes a part

The processes find one another by the variables that torchrun sets, so `torchrun --nproc-per-node 2 -m trainer run ...`
starts the same run. Nothing here but ranks.py and shards.py imports torch.distributed, and a run of one process neither.
"""
