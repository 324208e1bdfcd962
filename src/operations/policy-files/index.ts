/** Policies as files hold them, without a server: opened, tested, and the workloads that stand beside them. */
export { openPolicyFiles, type PolicyFiles, readTests, settingsOf, type WrittenTest } from './open-files.ts';
export { runSuites, type Suite, type TestOutcome, type TestReport } from './run-tests.ts';
export { type BookedWorkload, type Destination, type Lookup, WorkloadBook } from './workload-book.ts';
