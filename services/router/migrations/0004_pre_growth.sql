-- Failed sign-ins that nobody counts any more are pruned.

CREATE INDEX sign_in_failure_age ON sign_in_failure (last_at);
