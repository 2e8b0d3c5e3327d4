-- Made anew beside the old ones: to drop those first would have kept even readers away until these are made.
CREATE INDEX "new_revocations_by_realm" ON "revocations" USING btree (hashtext(realm),"revision");--> statement-breakpoint
CREATE INDEX "new_token_pairs_username" ON "token_pairs" USING btree (hashtext(username),hashtext(realm));--> statement-breakpoint
DROP INDEX "revocations_by_realm";--> statement-breakpoint
DROP INDEX "token_pairs_username";--> statement-breakpoint
ALTER INDEX "new_revocations_by_realm" RENAME TO "revocations_by_realm";--> statement-breakpoint
ALTER INDEX "new_token_pairs_username" RENAME TO "token_pairs_username";--> statement-breakpoint
-- The planner goes by what it last heard of a table's size, and a plan is kept. Made while the log was short, it walks
-- the log for each pair: within twenty seconds of load an introspection took 28 times as long, until the next
-- "analyze". So what is looked up by key is told so: "limit" keeps each pair's look-up one of its own, and no table is
-- walked.
--
-- `locked_pair_states` stays, for processes of before that still run beside those of now.
--
-- Locks the owners' names of these pairs, then answers a row for each, in order, as they are under the locks; of nulls
-- where there is no such pair. plpgsql, because each of its statements takes a new snapshot: what was committed while
-- this one waited for a lock is seen. A plain statement would see the past.
create function lock_pairs(slots smallint[], ids bigint[]) returns setof token_pair_states
language plpgsql set enable_seqscan = off as $$
begin
  perform lock_names_shared(array_agg(pair.realm), array_agg(pair.username))
    from unnest(slots, ids) named (slot, id)
    cross join lateral (select realm, username from token_pairs where slot = named.slot and id = named.id limit 1) pair;
  return query
    select state.* from unnest(slots, ids) with ordinality named (slot, id, place)
      left join lateral (select * from token_pair_states where slot = named.slot and id = named.id limit 1) state on true
      order by place;
end $$;
--> statement-breakpoint
-- Walks a whole slot, and is right to.
alter function empty_slot(int, timestamptz) set enable_seqscan = on;
