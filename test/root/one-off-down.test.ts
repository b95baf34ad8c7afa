import { setTimeout } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { desiredOneOff, type oneOffProject } from '../../src/stack/index.ts';
import { BayplanError } from '../../src/state/bayplan-error.ts';
import { leftovers } from './leftovers.ts';
import { machineForAll } from './machine-of-tests.ts';

const machine = machineForAll();

const ONE_OFF: Parameters<typeof oneOffProject>[2] = {
  command: [], entrypoint: null, environment: {}, user: '', workingDir: '', volumes: [], publish: [], cwd: '/', servicePorts: false, aliases: false, tty: false, stdin: false, remove: false, labels: {}, capAdd: [], capDrop: [],
};

it('a down while one-offs of its stack are being made leaves nothing behind', async () => {
  const request = machine.request('services: { task: { image: bayplan/hello, command: [sleep, "1000"], volumes: ["data:/data"] } }\nvolumes: { data: }');
  const run = async (name: string): Promise<string> => {
    try {
      return await machine.engine.createOneOff('demo', { ...request, desired: desiredOneOff(request.desired, 'task', name, ONE_OFF) });
    } catch (error) {
      if (error instanceof BayplanError && error.code === 'cancelled') return error.code;
      throw error;
    }
  };
  let cancelled = 0;
  for (let round = 0; round < 12; round++) {
    const made = Promise.all([run('demo-task-run-a'), run('demo-task-run-b')]);
    await setTimeout(round); // at another moment each time
    expect(await machine.down({ volumes: true })).toMatchObject({ ok: true });
    cancelled += (await made).filter((answer) => answer === 'cancelled').length;
    expect([[...machine.engine.containers.list().keys()], [...machine.engine.networks.list().keys()], leftovers(machine.paths)]).toEqual([[], [], []]);
  }
  expect(cancelled).toBeGreaterThan(0);
  const id = await run('demo-task-run-a'); // afterwards it is a stack like another
  expect(machine.engine.container(id).name).toBe('demo-task-run-a');
  expect(await machine.down({ volumes: true })).toMatchObject({ ok: true });
});
