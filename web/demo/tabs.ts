// Which tab is open; the address says it too, so that going back works.
import { signal } from '@preact/signals';

export const tabs = [
  { id: 'write', label: 'Write' },
  { id: 'look', label: 'Look' },
  { id: 'models', label: 'Models' },
  { id: 'chat', label: 'Chat' },
  { id: 'teach', label: 'Teach' },
  { id: 'settings', label: 'Settings' },
] as const;

export type Tab = (typeof tabs)[number]['id'];

export const tab = signal<Tab>(fromAddress());

export function goTo(id: Tab): void {
  location.hash = id;
}

addEventListener('hashchange', () => {
  tab.value = fromAddress();
});

function fromAddress(): Tab {
  return tabs.find(({ id }) => location.hash === `#${id}`)?.id ?? 'write';
}
