-- For whoever looks at the outbox: a page of the newest letters, and their numbers by day, kind and state, without reading all.
create index letters_by_written on letters (written_at, state, kind);
