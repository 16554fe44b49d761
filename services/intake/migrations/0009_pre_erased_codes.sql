-- Who was erased before leaves no store and no category behind either: both may be anybody's words.
UPDATE complaint SET category = NULL, store_id = NULL
WHERE erased_at IS NOT NULL AND num_nonnulls(category, store_id) > 0;
