-- Words of Cyrillic, Arabic, Hangul and other scripts, of rare Han, and parts of a reference are found by the desk's search:
-- what is open, and what has such characters, is indexed again, a few hundred at a time and in the background.
UPDATE case_text AS t SET search = NULL
FROM cases AS c
WHERE c.complaint_id = t.complaint_id AND NOT t.erased AND t.search IS NOT NULL
  AND (c.state <> 'closed'
       OR concat(t.title, t.body, t.name) ~ '[\u0370-\u1fff\u2c00-\u2dff\uac00-\ud7ff\ue000-\uf8ff\U00020000-\U0003ffff]');
