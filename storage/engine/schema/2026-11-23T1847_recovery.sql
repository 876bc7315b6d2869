-- What the recovery officer was asked for and has not answered yet: the key pair that an account is to have.
create table recoveries (
    request bytea not null primary key,       -- hash of the request file
    account bytea references accounts (id),   -- null: the officer's own key is to be replaced
    generation bigint,
    public_key bytea,
    profile bigint,
    keyhole bytea,                            -- guarded
    asked_at bigint not null
) without rowid;
