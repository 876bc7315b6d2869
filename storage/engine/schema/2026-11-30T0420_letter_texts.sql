-- Texts that wait to go out in a letter, for members who chose so; encrypted under a key that is in the process's memory alone.
create table letter_texts (
    account bytea not null references accounts (id),
    thread bytea not null references threads (id),
    seq bigint not null,
    id bytea not null,                        -- the message's
    at bigint not null,
    body bytea not null,                      -- encrypted under the courier key
    primary key (account, thread, seq)
);
