import { initialise, isFresh } from './initialise.ts';
import { localAgentName, startLocalAgent } from './local-agent.ts';
import { type Alongside, type RunningServer, type ServerOptions, startServer } from './server.ts';

/** `castellan up`: the same server, which makes its authority first when the state directory is empty, and an agent. */
export async function startUp(options: ServerOptions): Promise<RunningServer & { readonly isNew: boolean }> {
  const { settings } = options.loaded;
  const isNew = isFresh(settings);
  if (isNew) await initialise(settings, options.environment);
  const alongside = settings.agent.withUp ? { alongside: openLocalAgent } : {};
  return Object.assign(await startServer({ ...options, ...alongside }), { isNew });
}

/** The server is worth having without its agent: what hinders that one is told and no more. */
async function openLocalAgent(server: Alongside, stack: AsyncDisposableStack) {
  try {
    const agent = stack.use(await startLocalAgent(server));
    return { endpoints: { workloadApi: `unix:${agent.socket.path}` }, notices: [] };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { endpoints: {}, notices: [`the agent \`${localAgentName}\` does not run: ${why}`] };
  }
}
