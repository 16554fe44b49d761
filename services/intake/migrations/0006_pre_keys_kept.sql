-- Keys are kept as long as a complaint may have been received ago, and the private link no longer lies beside them in
-- clear. Rows of the code before hold it in `answer`; the service seals them when it starts.

COMMENT ON TABLE idempotency IS 'What was answered under a key. Kept 401 days (shared/runtime/kept.py): a till may send late what it took.';
COMMENT ON COLUMN idempotency.answer IS 'The body of the answer. Of a filing: with the link''s token sealed under the customer''s key.';
