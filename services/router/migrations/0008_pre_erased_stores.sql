-- Who was erased before leaves no store behind: it may be anybody's words.
UPDATE case_text SET store_id = NULL WHERE erased AND store_id IS NOT NULL;
