"""How services say it: Kafka, Postgres, HTTP shell, vault, telemetry and the web look. No complaint rules."""
