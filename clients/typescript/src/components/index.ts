export {
  ContinuousLearningManager,
  type ContinuousLearningManagerOptions,
  type ShadowResult,
} from './continuous-learning-manager.js';
export { EnsembleManager, type ModelChange, type ModelListener } from './ensemble-manager.js';
export { Executor } from './executor.js';
export { type Health, HealthMonitor } from './health-monitor.js';
export {
  type KnownMode,
  type MarketState,
  MetaStrategyController,
  type ModeDecision,
  type Posture,
  POSTURES,
} from './meta-strategy-controller.js';
export { OpportunityRanker, type OpportunityRankerOptions } from './opportunity-ranker.js';
export { type JudgedSignal, Orchestrator } from './orchestrator.js';
export { PortfolioBalancer } from './portfolio-balancer.js';
export { RiskGuard, type RiskLimits, type RiskListener } from './risk-guard.js';
export { SafetyGovernor, type SafetyReport } from './safety-governor.js';
export { BREAKER, type SafetyGovernorOptions } from './safety-settings.js';
export { StrategyGenerator, type StrategyChange } from './strategy-generator.js';
