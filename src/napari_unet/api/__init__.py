"""Plain functions that run to the end and return a result; imports `jobs`, services and core."""
