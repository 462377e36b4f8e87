"""Jobs in parallel: on this machine or on a Dask cluster, for sweeps and for grading."""
