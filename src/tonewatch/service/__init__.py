"""The service: REST, live calls and the dashboard, on one FastAPI application."""
