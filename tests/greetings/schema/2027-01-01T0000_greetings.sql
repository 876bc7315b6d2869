-- What somebody of the staff says to whoever comes.
create table greetings (
    account bytea not null primary key references accounts (id),
    body bytea not null,                      -- guarded
    due_at bigint                             -- of the letter that tells of it, null once it is written
) without rowid;
