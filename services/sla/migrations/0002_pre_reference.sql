-- A reference that two complaints share would be intake's mistake; it must not keep the second one from having clocks.
DROP INDEX journey_reference;
CREATE INDEX journey_reference ON journey (reference);
