-- Browsers in which somebody chose to be told by push, and of which letter each is still to be told.
create table push_subscriptions (
    id bytea not null primary key,            -- the hash of the address that its push service gave the browser
    account bytea not null references accounts (id),
    session bytea not null,                   -- of the browser that made it; that may have ended by time since
    made_at bigint not null,
    body bytea not null,                      -- guarded: the address, and the browser's keys
    letter bytea references letters (id),     -- of which it is to be told
    due_at bigint,                            -- when
    attempts bigint not null
);
create index push_subscriptions_of_account on push_subscriptions (account);
create index push_subscriptions_of_session on push_subscriptions (session);
create index push_subscriptions_due on push_subscriptions (due_at) where due_at is not null;

-- When the browsers of a letter's reader were told of it: never twice, however often the letter is tried.
alter table letters add column pushed_at bigint;
