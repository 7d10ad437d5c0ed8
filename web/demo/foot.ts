// What stays in sight at the foot of the window, above a keyboard on the screen: its height is known to the styles, so that
// text and fields are scrolled above it and not behind it.
import { useEffect, useRef } from 'preact/hooks';

const root = document.documentElement;
/** Toolbars of browsers come and go in less than so many CSS pixels; keyboards take more. */
const leastKeyboard = 120;

/** For an element that sticks to the foot: the custom property `name` is its height. */
export function useHeight<T extends HTMLElement>(name: `--${string}`) {
  const ref = useRef<T>(null);
  useEffect(() => {
    const { current } = ref;
    if (!current) return;
    const seen = new ResizeObserver(() => root.style.setProperty(name, `${current.offsetHeight}px`));
    seen.observe(current);
    return () => {
      seen.disconnect();
      root.style.removeProperty(name);
    };
  }, [name]);
  return ref;
}

/**
 * A keyboard on the screen covers the foot of the page in most browsers and makes only the visual viewport smaller:
 * `--keyboard` is what it covers. Pinching makes that viewport smaller too, and covers nothing.
 */
export function followKeyboard(): void {
  const view = window.visualViewport;
  if (!view) return;
  const follow = () => {
    const below = root.clientHeight - view.offsetTop - view.height;
    const covered = view.scale > 1.01 ? 0 : Math.max(0, Math.round(below));
    root.style.setProperty('--keyboard', `${covered}px`);
    root.toggleAttribute('data-keyboard', covered > leastKeyboard);
  };
  view.addEventListener('resize', follow);
  view.addEventListener('scroll', follow);
}
