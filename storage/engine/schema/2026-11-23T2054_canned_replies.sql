-- The replies that a staff member keeps at hand, all in one value: sealed to its author.
create table canned_replies (
    account bytea not null primary key references accounts (id),
    generation bigint not null,               -- of the author's key
    version bigint not null,                  -- one more with each change
    body bytea not null,                      -- sealed
    written_at bigint not null
) without rowid;
