import { conformance } from '../../conformance/suite.ts';
import { BARE, FULL } from '../support/fake-capabilities.ts';
import { fakeSubject } from './fake-subject.ts';

conformance('a fake engine that can do everything', () => Promise.resolve(fakeSubject(FULL)));
conformance('a fake engine that can do as little as the contract allows', () =>
  Promise.resolve(fakeSubject(BARE)),
);
