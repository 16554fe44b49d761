"""What all services share: event schemas, policy schemas and the runtime. No complaint rules."""
