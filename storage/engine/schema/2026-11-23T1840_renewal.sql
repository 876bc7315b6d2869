-- What a staff member notes for themselves about a thread: sealed to its author.
create table notes (
    thread bytea not null references threads (id),
    account bytea not null references accounts (id),
    generation bigint not null,               -- of the author's key
    body bytea not null,                      -- sealed
    written_at bigint not null,
    primary key (thread, account)
) without rowid;
create index notes_of_account on notes (account);

-- Accounts whose key is to be renewed at the owner's next sign-in: an intrusion is suspected.
create table renewals_due (
    account bytea not null primary key references accounts (id),
    since bigint not null
) without rowid;
