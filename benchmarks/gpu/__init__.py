"""python -m benchmarks gpu: minitensor and torch on one GPU, in the same run.

command        which of the parts below an option asks for
lines          facts as JSON lines, each written as soon as it is known; the clock of the run
cases          what the suite measures: whole nets, and the layers of U-Net and FCN-8s
sides          minitensor on CuPy and torch, under one set of names
suite          without an option: time, peak of memory and difference of both sides, case by case
first_contact  --first: does it run, is it right, how fast is each kernel; with risks, ceilings
layers         every variant of a convolution beside cuDNN
tune           --tune: many layers so, and what the rules lose by their choice
profile        --profile: the kernels of a train step by time
main_job       --main-job: the training step of `python -m nets train`, on the GPU and on the CPU
report         --report FILE: the tables of docs/results-gpu.md
"""
