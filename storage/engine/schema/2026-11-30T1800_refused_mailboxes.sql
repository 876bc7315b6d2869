-- Accounts that get no letters, as their mailbox was refused for good.
create table refused_mailboxes (
    account bytea not null primary key references accounts (id),
    refused_at bigint not null,
    status text not null,                     -- RFC 3463, such as 5.1.1
    address bytea not null,                   -- the account's address_index when it was: it holds for that address alone
    proof bytea not null                      -- authenticates all of it
) without rowid;
