-- The shop a complaint is about, as its customer reads it: sealed as it was told, or the id an operator bound the client to.
ALTER TABLE contact ADD COLUMN store text, ADD COLUMN store_id text;
COMMENT ON TABLE contact IS 'How to reach the customer and which shop they told of, sealed (s1.…), and the SHA-256 of the private link''s token; store_id is an operator''s word. Emptied when the person is erased.';
