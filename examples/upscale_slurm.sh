#!/usr/bin/env bash
# Upscales a folder on many machines of a SLURM cluster: an array of jobs, each with its own part of the files.
#
#     INPUT=photos OUTPUT=big SCALE=4 sbatch --array=1-64 examples/upscale_slurm.sh
#
# All jobs write into one folder. A job that is requeued, or submitted again, skips what is complete. Exit code 1 says that
# some files failed; their sentences are in the job's log. Add --precision fp32 where machines with different processors
# must agree.
#SBATCH --cpus-per-task=2 --mem=4G --time=12:00:00 --requeue --open-mode=append
set -euo pipefail
: "${INPUT:?set INPUT to the folder of pictures}" "${OUTPUT:?set OUTPUT to the folder for the results}"
: "${SLURM_ARRAY_TASK_ID:?submit with sbatch --array=1-N}"

# Parts count from 1, whatever the array's first number is.
part=$((SLURM_ARRAY_TASK_ID - SLURM_ARRAY_TASK_MIN + 1))
exec amortized-sr upscale "$INPUT" -r -o "$OUTPUT/" -s "${SCALE:-4}" --resume --quiet \
    --shard "$part/$SLURM_ARRAY_TASK_COUNT" "$@"
