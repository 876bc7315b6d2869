-- What the links to unsubscribe from a list hold, one for each account and list to which a letter was written.
create table unsubscribe_tokens (
    account bytea not null references accounts (id),
    list_name text not null,
    lookup bytea not null unique,             -- hash of the token
    token bytea not null,                     -- guarded
    primary key (account, list_name)
) without rowid;
