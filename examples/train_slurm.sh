#!/usr/bin/env bash
# Trains on several machines of a SLURM cluster: torchrun starts one process for each device, DDP averages gradients.
#
#     CONFIG=configs/photo-tiny.yaml RUN=runs/large sbatch --nodes=2 examples/train_slurm.sh \
#         --data.source shards --data.root s3://bucket/set --data.cache /scratch/shards
#
# `batch_size` counts crops of each process. A job that is requeued, or submitted again, resumes from the last checkpoint.
# PROCESSES is the number of processes on each machine, where it is not that of its GPUs.
#SBATCH --ntasks-per-node=1 --cpus-per-task=16 --time=24:00:00 --requeue --open-mode=append --signal=TERM@120
set -euo pipefail
: "${CONFIG:?set CONFIG to a file of settings}" "${RUN:?set RUN to the folder of the run}"

settings=(--config "$CONFIG" --run_dir "$RUN" "$@")
if [ -e "$RUN/checkpoints/last.ckpt" ]; then settings=(--config "$RUN/config.yaml" --ckpt_path last "$@"); fi
first=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
exec srun python -m torch.distributed.run --nnodes "$SLURM_NNODES" --nproc-per-node "${PROCESSES:-gpu}" \
    --rdzv-id "$SLURM_JOB_ID" --rdzv-backend c10d --rdzv-endpoint "$first:${PORT:-29500}" \
    -m amortized_sr train "${settings[@]}" --trainer.strategy ddp \
    --trainer.num_nodes "$SLURM_NNODES" --trainer.devices "${PROCESSES:-auto}"
