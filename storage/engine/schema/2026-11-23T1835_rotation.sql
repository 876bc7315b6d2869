-- A thread whose messages are being linked anew under another root key: those up to ``seq`` are, the next follows from ``old_link``.
create table relinking (
    thread bytea not null primary key references threads (id),
    seq bigint not null,
    old_link bytea not null,                  -- of message seq, before
    new_link bytea not null,                  -- of message seq, now
    proof bytea not null                      -- authenticates all of these
) without rowid;

-- A thread whose messages are not as they were written: it was left as it is, and keeps the root key that it has.
create table broken_chains (
    thread bytea not null primary key,
    seq bigint not null,                      -- the first that does not follow from the one before, or is missing
    found_at bigint not null
) without rowid;
