"""Protection: how much one organization, one tenant and one patient may be asked, and who tries too many patients."""
