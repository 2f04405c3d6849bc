//! Figures of the running gateway that somebody else counts: published when they are asked for.

use super::Gateway;
use crate::admin::Figures;

impl Figures for Gateway {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a gauge is a float; counts stay far below 2^52"
    )]
    fn publish(&self) {
        let plans = self.shared.planner.counts();
        metrics::counter!("rowgate_plan_cache_hits_total").absolute(plans.hits);
        metrics::counter!("rowgate_plan_cache_misses_total").absolute(plans.misses);
        metrics::counter!("rowgate_planning_refusals_total").absolute(plans.refusals);
        metrics::counter!("rowgate_verifier_refusals_total").absolute(plans.verifier_refusals);
        metrics::gauge!("rowgate_plan_cache_plans").set(plans.plans as f64);
        metrics::gauge!("rowgate_plan_cache_bytes").set(plans.bytes as f64);
        metrics::gauge!("rowgate_audit_queue").set(self.audit.queued() as f64);
        metrics::counter!("rowgate_failovers_total").absolute(self.pool.hosts().epoch());
        for (host, in_use) in self.pool.hosts().figures() {
            metrics::gauge!("rowgate_backend_in_use", "host" => host)
                .set(f64::from(u8::from(in_use)));
        }
        for pool in self.pool.figures() {
            for (state, count) in [("in_use", pool.in_use), ("idle", pool.idle)] {
                metrics::gauge!(
                    "rowgate_pool_connections",
                    "database" => pool.key.name.clone(),
                    "state" => state
                )
                .set(count as f64);
            }
            metrics::gauge!("rowgate_pool_waiting", "database" => pool.key.name.clone())
                .set(pool.waiting as f64);
            metrics::gauge!("rowgate_pool_longest_wait_seconds", "database" => pool.key.name)
                .set(pool.longest_wait.as_secs_f64());
        }
    }
}
