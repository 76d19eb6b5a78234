#!/usr/bin/env bash
# Scans on Dataflow. The machine that this runs on waits, and makes the rows visible when the job has ended.
#
#   PROJECT=p REGION=r BUCKET=gs://b IMAGE=… deploy/dataflow/launch.sh \
#     --recordings 'gs://b/recordings/**' --classifier gs://b/bundle --output gs://b/results
#
# Also from the environment: MACHINE (n2-standard-4), WORKERS (the most, 50), GPU (nvidia-tesla-t4: one for each worker;
# IMAGE must then be built with TensorFlow's CUDA libraries), DRY_RUN=1 (builds the job and starts nothing).
set -euo pipefail

: "${PROJECT:?}" "${REGION:?}" "${BUCKET:?}" "${IMAGE:?}"
options=(
  --runner=DataflowRunner --project="$PROJECT" --region="$REGION"
  --temp_location="$BUCKET/tmp" --staging_location="$BUCKET/staging"
  --sdk_container_image="$IMAGE" --sdk_location=container --experiments=use_runner_v2
  --machine_type="${MACHINE:-n2-standard-4}" --disk_size_gb=50
  # Work is listed first, so Dataflow knows how much there is and takes as many workers as it pays.
  --autoscaling_algorithm=THROUGHPUT_BASED --num_workers=1 --max_num_workers="${WORKERS:-50}"
)
if [ -n "${GPU:-}" ]; then
  # One process with TensorFlow on each: several would share the GPU's memory.
  options+=(--dataflow_service_options="worker_accelerator=type:$GPU;count:1;install-nvidia-driver"
    --experiments=no_use_multiple_sdk_containers)
fi
[ -z "${DRY_RUN:-}" ] || options+=(--dry_run=True)
exec "${PYTHON:-python3}" -m soundbeam.pipelines.scan "${options[@]}" "$@"
