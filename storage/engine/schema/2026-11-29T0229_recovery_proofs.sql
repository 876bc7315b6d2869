-- What the officer is asked for is proven, and answered to a key pair made for it. What was asked before has neither: ask again.
delete from recoveries;
-- It authenticates the request, account, generation, public key, profile and time of a row. What is guarded is bound to these.
alter table recoveries add column proof bytea;
-- Guarded: the private key to which the officer proves the answer.
alter table recoveries add column asker bytea;
