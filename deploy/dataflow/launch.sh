#!/usr/bin/env bash
# Runs a scan on Dataflow. The machine that runs this script waits, and makes the rows visible when the job has ended.
#
#   PROJECT=p REGION=r BUCKET=gs://b IMAGE=… deploy/dataflow/launch.sh \
#     --recordings 'gs://b/recordings/**' --classifier gs://b/bundle --output gs://b/results
#
# It also reads these variables: MACHINE (default n2-standard-4), WORKERS (at most so many, default 50), and DRY_RUN=1
# (builds the job and starts nothing).
set -euo pipefail

: "${PROJECT:?}" "${REGION:?}" "${BUCKET:?}" "${IMAGE:?}"
options=(
  --runner=DataflowRunner --project="$PROJECT" --region="$REGION"
  --temp_location="$BUCKET/tmp" --staging_location="$BUCKET/staging"
  --sdk_container_image="$IMAGE" --sdk_location=container --experiments=use_runner_v2
  --machine_type="${MACHINE:-n2-standard-4}" --disk_size_gb=50
  # The recordings are listed first, so Dataflow knows how much work there is and starts as many workers as are worthwhile.
  --autoscaling_algorithm=THROUGHPUT_BASED --num_workers=1 --max_num_workers="${WORKERS:-50}"
)
[ -z "${DRY_RUN:-}" ] || options+=(--dry_run=True)
exec "${PYTHON:-python3}" -m soundbeam.pipelines.scan "${options[@]}" "$@"
