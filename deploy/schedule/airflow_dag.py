"""A nightly scan by Airflow: put this file into the DAGs folder and change the paths.

It needs apache-airflow-providers-apache-beam[google]: the operator requires Google's provider, whatever the runner. The
scan runs in soundbeam's own environment (``py_interpreter``), so its packages need not agree with Airflow's. For a
cluster, set ``runner`` and add its options.
"""

from datetime import datetime, timedelta

from airflow import DAG
from airflow.providers.apache.beam.operators.beam import BeamRunPythonPipelineOperator

with DAG(
    dag_id="soundbeam_scan",
    schedule="0 2 * * *",
    start_date=datetime(2024, 1, 1),
    catchup=False,  # one scan picks up everything new, however many nights were missed
    max_active_runs=1,  # two scans never write into one output
    tags=["soundbeam"],
) as dag:
    BeamRunPythonPipelineOperator(
        task_id="scan",
        py_interpreter="/opt/soundbeam/bin/python",
        py_options=["-m"],
        py_file="soundbeam.pipelines.scan",
        runner="FnApiRunner",
        # One value per option: Airflow repeats the option for a list, and soundbeam takes the last one.
        pipeline_options={
            "recordings": "/srv/recordings",
            "classifier": "/srv/soundbeam/bundle",
            "output": "/srv/soundbeam/results",
            "site": "{site}/*",
            "summary-json": "/srv/soundbeam/last-scan.json",
        },
        retries=2,
        retry_delay=timedelta(minutes=10),
        execution_timeout=timedelta(hours=23),
    )
