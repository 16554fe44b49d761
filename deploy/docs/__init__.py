"""Generates the contract documents from the code: JSON Schemas of events, AsyncAPI 3, OpenAPI 3.1."""
